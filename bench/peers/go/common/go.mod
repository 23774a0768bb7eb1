module odradek/bench/common

go 1.24.0
