variable "sidecars" { default = [] }

locals {
  base = [
    {
      name  = "log-router"
      image = "registry.example.com/log:3"
    },
  ]
}

resource "aws_ecs_task_definition" "shop" {
  family = "shop"
  container_definitions = jsonencode(concat(local.base, [
    {
      name            = "web"
      image           = "registry.example.com/shop/web:1.4"
      command         = ["serve"]
      entryPoint      = ["/.limpet/microenforcer", "run", "--", "/docker-entrypoint.sh"]
      volumesFrom     = [{ sourceContainer = "limpet-enforcer", readOnly = true }]
      dependsOn       = [{ containerName = "limpet-enforcer", condition = "SUCCESS" }]
      linuxParameters = { capabilities = { add = ["SYS_PTRACE"] } }
      environment     = [{ name = "LIMPET_GATEWAY", value = "limpet.example.com:8444" }]
    },
    {
      name                   = "limpet-enforcer"
      image                  = "registry.example.com/limpet-carrier:1"
      essential              = false
      readonlyRootFilesystem = true
      memoryReservation      = 32
      environment            = [{ name = "LIMPET_ORIGINAL", value = "{\"web\":{\"entry\":\"missing\",\"ptrace\":true}}" }]
    },
  ], local.sidecars))
}

resource "aws_ecs_task_definition" "jobs" {
  family = "jobs"
  container_definitions = jsonencode(concat([{ name = "a", image = "registry.example.com/shop/web:1.4", command = ["nginx", "-g", "daemon off;"], entryPoint = ["/.limpet/microenforcer", "run", "--", "/docker-entrypoint.sh"], volumesFrom = [{ sourceContainer = "limpet-enforcer", readOnly = true }], dependsOn = [{ containerName = "limpet-enforcer", condition = "SUCCESS" }], linuxParameters = { capabilities = { add = ["SYS_PTRACE"] } }, environment = [{ name = "LIMPET_GATEWAY", value = "limpet.example.com:8444" }] }], [], [{ name = "b", image = "registry.example.com/shop/worker:2", command = ["python3"], entryPoint = ["/.limpet/microenforcer", "run", "--"], volumesFrom = [{ sourceContainer = "limpet-enforcer", readOnly = true }], dependsOn = [{ containerName = "limpet-enforcer", condition = "SUCCESS" }], linuxParameters = { capabilities = { add = ["SYS_PTRACE"] } }, environment = [{ name = "LIMPET_GATEWAY", value = "limpet.example.com:8444" }] }, {
    name                   = "limpet-enforcer"
    image                  = "registry.example.com/limpet-carrier:1"
    essential              = false
    readonlyRootFilesystem = true
    memoryReservation      = 32
    environment = [
      {
        name  = "LIMPET_ORIGINAL"
        value = "{\"a\":{\"entry\":\"missing\",\"cmd\":\"missing\",\"ptrace\":true},\"b\":{\"entry\":\"missing\",\"cmd\":\"missing\",\"ptrace\":true}}"
      }
    ]
  }], var.sidecars))
}
