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
	var answer bytes.Buffer
	fmt.Fprintf(&answer, "Status: 201 Created\nContent-Type: text/plain\nX-Path: %s\n\n", os.Getenv("PATH_INFO"))
	fmt.Fprintf(&answer, "%s %s: %s", os.Getenv("REQUEST_METHOD"), os.Getenv("QUERY_STRING"), bytes.ToUpper(body))
	if _, err := answer.WriteTo(os.Stdout); err != nil {
		os.Exit(1)
	}
}
