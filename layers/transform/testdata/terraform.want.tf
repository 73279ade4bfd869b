# The shop's task.
variable "tag" { default = "1.4" }

resource "aws_ecs_task_definition" "shop" {
  family                   = "shop"
  requires_compatibilities = ["FARGATE"]
  pid_mode                 = "task" # the sidecars look at each other
  memory                   = 1024

  container_definitions = jsonencode([
    {
      name       = "web" # the page
      image      = "${aws_ecr_repository.shop.repository_url}:${var.tag}"
      entryPoint = ["/.limpet/microenforcer", "run", "--", "/docker-entrypoint.sh", var.flavour]
      command    = concat(["nginx"], var.flags)
      essential  = true

      portMappings = [{ containerPort = 80 }]

      # Prices come from here.
      environment = [
        { name = "PRICES", value = "https://prices.${var.domain}" },
        { name = "LIMPET_GATEWAY", value = "limpet.example.com:8444" },
      ]
      healthCheck = {
        command  = ["CMD", "/.limpet/microenforcer", "healthcheck", "--", "/bin/sh", "-c", "curl -f http://localhost/ || exit 1"]
        interval = 30
      }
      linuxParameters = { initProcessEnabled = true, capabilities = { add = ["SYS_PTRACE"] } }
      volumesFrom     = [{ sourceContainer = "limpet-enforcer", readOnly = true }]
      dependsOn       = [{ containerName = "limpet-enforcer", condition = "SUCCESS" }]
      secrets         = [{ name = "LIMPET_JOIN_TOKEN", valueFrom = "${aws_secretsmanager_secret.limpet.arn}" }]
    },
    {
      name            = "api"
      image           = "registry.example.com/shop/web:1.4"
      command         = ["serve", "--price=$${USD}"]
      entryPoint      = ["/.limpet/microenforcer", "run", "--", "/docker-entrypoint.sh"]
      volumesFrom     = [{ sourceContainer = "limpet-enforcer", readOnly = true }]
      dependsOn       = [{ containerName = "limpet-enforcer", condition = "SUCCESS" }]
      linuxParameters = { capabilities = { add = ["SYS_PTRACE"] } }
      environment     = [{ name = "LIMPET_GATEWAY", value = "limpet.example.com:8444" }]
      secrets         = [{ name = "LIMPET_JOIN_TOKEN", valueFrom = "${aws_secretsmanager_secret.limpet.arn}" }]
    },
    { name = "worker", image = "registry.example.com/shop/worker:2", command = ["python3"], entryPoint = ["/.limpet/microenforcer", "run", "--"], volumesFrom = [{ sourceContainer = "limpet-enforcer", readOnly = true }], dependsOn = [{ containerName = "limpet-enforcer", condition = "SUCCESS" }], linuxParameters = { capabilities = { add = ["SYS_PTRACE"] } }, environment = [{ name = "LIMPET_GATEWAY", value = "limpet.example.com:8444" }], secrets = [{ name = "LIMPET_JOIN_TOKEN", valueFrom = "${aws_secretsmanager_secret.limpet.arn}" }] },
    {
      name  = "log-router"
      image = "registry.example.com/log:1"
    },
    {
      name                   = "limpet-enforcer"
      image                  = "${var.registry}/limpet-carrier:1"
      essential              = false
      readonlyRootFilesystem = true
      cpu                    = 64
      environment = [
        {
          name  = "LIMPET_ORIGINAL"
          value = "{\"api\":{\"entry\":\"missing\",\"ptrace\":true},\"web\":{\"health\":[\"CMD-SHELL\",\"curl -f http://localhost/ || exit 1\"],\"ptrace\":true},\"worker\":{\"entry\":\"missing\",\"cmd\":\"missing\",\"ptrace\":true}}"
        }
      ]
    }
  ])
}

output "arn" {
  value = aws_ecs_task_definition.shop.arn
}
