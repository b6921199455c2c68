// Hello is the least that a Go program costs: what every other time of the
// benchmark is measured in.
package main

import "fmt"

func main() { fmt.Println("hello, world") }
