resource "aws_ecs_task_definition" "a" {
  family = "a"
  container_definitions = jsonencode([{
    "name": "a",
    "image": "registry.example.com/shop/web:1.4",
    "dependsOn": [{"containerName": "b", "condition": "START"}, { "containerName": "limpet-enforcer", "condition": "SUCCESS" }],
    "essential": true,
    "command": ["nginx", "-g", "daemon off;"],
    "entryPoint": ["/.limpet/microenforcer", "run", "--", "/docker-entrypoint.sh"],
    "volumesFrom": [{ "sourceContainer": "limpet-enforcer", "readOnly": true }],
    "linuxParameters": { "capabilities": { "add": ["SYS_PTRACE"] } }
  }, {
    "name": "b", "image": local.image, "entryPoint": ["/.limpet/microenforcer", "run", "--", "/entry"]
    "command": ["/b"],
    "volumesFrom": [{ "sourceContainer": "limpet-enforcer", "readOnly": true }],
    "dependsOn": [{ "containerName": "limpet-enforcer", "condition": "SUCCESS" }],
    "linuxParameters": { "capabilities": { "add": ["SYS_PTRACE"] } }
  }, {
    "name": "limpet-enforcer",
    "image": "registry.example.com/limpet-carrier:1",
    "essential": false,
    "readonlyRootFilesystem": true,
    "memoryReservation": 32,
    "environment": [
      {
        "name": "LIMPET_ORIGINAL",
        "value": "{\"a\":{\"entry\":\"missing\",\"cmd\":\"missing\",\"ptrace\":true},\"b\":{\"entry\":\"empty\",\"ptrace\":true}}"
      }
    ]
  }])
}

resource "aws_ecs_task_definition" "c" {
  family                = "c"
  container_definitions = jsonencode([{ name = "c", image = var.image, entryPoint = ["/.limpet/microenforcer", "run", "--", "/c"], volumesFrom = [{ sourceContainer = "limpet-enforcer", readOnly = true }], dependsOn = [{ containerName = "limpet-enforcer", condition = "SUCCESS" }], linuxParameters = { capabilities = { add = ["SYS_PTRACE"] } } }, {
      name = "limpet-enforcer"
      image = "registry.example.com/limpet-carrier:1"
      essential = false
      readonlyRootFilesystem = true
      memoryReservation = 32
      environment = [{ name = "LIMPET_ORIGINAL", value = "{\"c\":{\"ptrace\":true}}" }]
    }])
}
