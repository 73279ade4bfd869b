#!/bin/sh
# A health check that starts programs of its own.
test "$(id -un)" = root && echo ok | grep -q ok
