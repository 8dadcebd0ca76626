// Command shout prints what it is sent in capitals, and what it was asked.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

func main() {
	body, err := io.ReadAll(os.Stdin)
	if err != nil || len(body) == 0 {
		fmt.Fprintln(os.Stderr, "nothing to shout", err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stdout, "Status: 201 Created\nContent-Type: text/plain\nX-Path: %s\n\n", os.Getenv("PATH_INFO"))
	fmt.Fprintf(os.Stdout, "%s %s: %s", os.Getenv("REQUEST_METHOD"), os.Getenv("QUERY_STRING"), bytes.ToUpper(body))
}
