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
      entryPoint = ["/docker-entrypoint.sh", var.flavour]
      command    = concat(["nginx"], var.flags)
      essential  = true

      portMappings = [{ containerPort = 80 }]

      # Prices come from here.
      environment = [
        { name = "PRICES", value = "https://prices.${var.domain}" },
      ]
      healthCheck = {
        command  = ["CMD-SHELL", "curl -f http://localhost/ || exit 1"]
        interval = 30
      }
      linuxParameters = { initProcessEnabled = true }
    },
    {
      name    = "api"
      image   = "registry.example.com/shop/web:1.4"
      command = ["serve", "--price=$${USD}"]
    },
    { name = "worker", image = "registry.example.com/shop/worker:2" },
    {
      name  = "log-router"
      image = "registry.example.com/log:1"
    }
  ])
}

output "arn" {
  value = aws_ecs_task_definition.shop.arn
}
