locals {
  shared = [{ sourceVolume = "a" }]
  mounts = local.shared
  caches = [local.shared, { sourceVolume = "b" }]

  web = {
    name            = "web"
    image           = local.image
    mountPoints     = local.shared
    command         = ["serve"]
    entryPoint      = ["/.limpet/microenforcer", "run", "--", "/docker-entrypoint.sh"]
    volumesFrom     = [{ sourceContainer = "limpet-enforcer", readOnly = true }]
    dependsOn       = [{ containerName = "limpet-enforcer", condition = "SUCCESS" }]
    linuxParameters = { capabilities = { add = ["SYS_PTRACE"] } }
    environment     = [{ name = "LIMPET_GATEWAY", value = "limpet.example.com:8444" }]
  }
  image = "registry.example.com/shop/web:1.4"

  containers = jsonencode([
    local.web,
    {
      name            = "worker", image = "registry.example.com/shop/worker:2",
      mountPoints     = local.mounts,
      command         = ["python3"],
      entryPoint      = ["/.limpet/microenforcer", "run", "--"],
      volumesFrom     = [{ sourceContainer = "limpet-enforcer", readOnly = true }],
      dependsOn       = [{ containerName = "limpet-enforcer", condition = "SUCCESS" }],
      linuxParameters = { capabilities = { add = ["SYS_PTRACE"] } },
      environment     = [{ name = "LIMPET_GATEWAY", value = "limpet.example.com:8444" }]
    },
    {
      name                   = "limpet-enforcer"
      image                  = "registry.example.com/limpet-carrier:1"
      essential              = false
      readonlyRootFilesystem = true
      memoryReservation      = 32
      environment = [
        {
          name  = "LIMPET_ORIGINAL"
          value = "{\"web\":{\"entry\":\"missing\",\"ptrace\":true},\"worker\":{\"entry\":\"missing\",\"cmd\":\"missing\",\"ptrace\":true}}"
        }
      ]
    },
  ])
}

resource "aws_ecs_task_definition" "shop" {
  family                = "shop"
  container_definitions = local.containers
}
