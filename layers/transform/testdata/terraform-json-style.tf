resource "aws_ecs_task_definition" "a" {
  family = "a"
  container_definitions = jsonencode([{
    "name": "a",
    "image": "registry.example.com/shop/web:1.4",
    "dependsOn": [{"containerName": "b", "condition": "START"}],
    "essential": true
  }, {
    "name": "b", "image": local.image, "entryPoint": []
    "command": ["/b"]
  }])
}

resource "aws_ecs_task_definition" "c" {
  family                = "c"
  container_definitions = jsonencode([{ name = "c", image = var.image, entryPoint = ["/c"] }])
}
