// Package main is completed with an example of the Extism kit for Go as it was published,
// which has no main: TinyGo needs none.
package main

func main() {}
