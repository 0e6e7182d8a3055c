module github.com/lameduck-dev/lameduck/graceful

go 1.25.0
