module github.com/lameduck-dev/lameduck/graceful

go 1.24.0
