locals {
  shared = [{ sourceVolume = "a" }]
  mounts = local.shared
  caches = [local.shared, { sourceVolume = "b" }]

  web = {
    name        = "web"
    image       = local.image
    mountPoints = local.shared
    command     = ["serve"]
  }
  image = "registry.example.com/shop/web:1.4"

  containers = jsonencode([
    local.web,
    {
      name        = "worker", image = "registry.example.com/shop/worker:2",
      mountPoints = local.mounts
    },
  ])
}

resource "aws_ecs_task_definition" "shop" {
  family                = "shop"
  container_definitions = local.containers
}
