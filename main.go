// Command sftui is a terminal fine-tuning workbench: see README.md.
package main

import (
	"os"

	"sftui/cmd"
)

func main() {
	os.Exit(cmd.Main(os.Args[1:]))
}
