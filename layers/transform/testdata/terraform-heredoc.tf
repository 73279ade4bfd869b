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
        "entryPoint": ["/docker-entrypoint.sh"],
        "command": ["serve", "--price=$${USD}"],
        "environment": [
          {"name": "STAGE", "value": "${upper(var.stage)}"}
        ],
        "healthCheck": {"command": ["CMD-SHELL", "test $${HOME} || exit 1"]},
        "logConfiguration": ${jsonencode({ logDriver = "awslogs", options = { a = "{" } })}
      }
    ]
  DEFINITION
}

resource "aws_ecs_task_definition" "other" {
  family                = "other"
  container_definitions = <<EOF
[{"name": "worker", "image": "registry.example.com/shop/worker:2"}]
EOF
}
