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
      name    = "web"
      image   = "registry.example.com/shop/web:1.4"
      command = ["serve"]
    },
  ], local.sidecars))
}

resource "aws_ecs_task_definition" "jobs" {
  family                = "jobs"
  container_definitions = jsonencode(concat([{ name = "a", image = "registry.example.com/shop/web:1.4" }], [], [{ name = "b", image = "registry.example.com/shop/worker:2" }], var.sidecars))
}
