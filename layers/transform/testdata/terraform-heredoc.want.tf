locals {
  prefix = "shop-${var.stage}"
}

resource "aws_ecs_task_definition" "shop" {
  family = local.prefix

  container_definitions = <<-DEFINITION
    [
      {
        "name": "web",
        "image": "${aws_ecr_repository.shop.repository_url}:${var.tags["web"]}",
        "cpu": ${var.cpu},
        "entryPoint": ["/.limpet/microenforcer", "run", "--", "/docker-entrypoint.sh"],
        "command": ["serve", "--price=$${USD}"],
        "environment": [
          {"name": "STAGE", "value": "${upper(var.stage)}"},
          {"name": "LIMPET_GATEWAY", "value": "limpet.example.com:8444"}
        ],
        "healthCheck": {"command": ["CMD", "/.limpet/microenforcer", "healthcheck", "--", "/bin/sh", "-c", "test $${HOME} || exit 1"]},
        "logConfiguration": ${jsonencode({ logDriver = "awslogs", options = { a = "{" } })},
        "volumesFrom": [{"sourceContainer": "limpet-enforcer", "readOnly": true}],
        "dependsOn": [{"containerName": "limpet-enforcer", "condition": "SUCCESS"}],
        "linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"]}}
      },
      {
        "name": "limpet-enforcer",
        "image": "registry.example.com/limpet-carrier:1",
        "essential": false,
        "readonlyRootFilesystem": true,
        "memoryReservation": 32,
        "environment": [
          {
            "name": "LIMPET_ORIGINAL",
            "value": "{\"web\":{\"health\":[\"CMD-SHELL\",\"test $${HOME} || exit 1\"],\"ptrace\":true}}"
          }
        ]
      }
    ]
  DEFINITION
}

resource "aws_ecs_task_definition" "other" {
  family                = "other"
  container_definitions = <<EOF
[{"name": "worker", "image": "registry.example.com/shop/worker:2", "command": ["python3"], "entryPoint": ["/.limpet/microenforcer", "run", "--"], "volumesFrom": [{"sourceContainer": "limpet-enforcer", "readOnly": true}], "dependsOn": [{"containerName": "limpet-enforcer", "condition": "SUCCESS"}], "linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"]}}, "environment": [{"name": "LIMPET_GATEWAY", "value": "limpet.example.com:8444"}]}, {"name": "limpet-enforcer", "image": "registry.example.com/limpet-carrier:1", "essential": false, "readonlyRootFilesystem": true, "memoryReservation": 32, "environment": [{"name": "LIMPET_ORIGINAL", "value": "{\"worker\":{\"entry\":\"missing\",\"cmd\":\"missing\",\"ptrace\":true}}"}]}]
EOF
}
