package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/auth"
)

type hashCommand struct{}

// The bounds of passwords, in characters.
const (
	shortestPassword = 10
	longestPassword  = 256
)

// Help says where the hash goes.
func (*hashCommand) Help() string {
	return "Asks for a password, or reads it from the standard input: its first line. What is printed is what middleware's basic.users take."
}

// Run prints the hash of a password. The password is in no argument, for those
// can be read by every user of the machine.
func (*hashCommand) Run(call *call) error {
	password, err := call.password()
	if err != nil {
		return err
	}
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password) || strings.ContainsFunc(password, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("the password has characters that no browser sends")
	case n < shortestPassword || n > longestPassword:
		return hinted(fmt.Errorf("the password has %d characters", n), fmt.Sprintf("take %d to %d", shortestPassword, longestPassword))
	}
	call.say("%s\n", auth.HashPassword(password))
	return nil
}

// password asks a person twice, without showing it, or reads a line.
func (t *terminal) password() (string, error) {
	file, ok := t.in.(*os.File)
	if !ok {
		return readLine(bufio.NewReader(t.in))
	}
	lines := bufio.NewReader(file)
	show, ok := hideTyping(file)
	if !ok {
		return readLine(lines)
	}
	defer show()
	ask := func(question string) (string, error) {
		t.tell("%s", question)
		defer t.tell("\n")
		return readLine(lines)
	}
	first, err := ask("password: ")
	if err != nil {
		return "", err
	}
	second, err := ask("once more: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the passwords are not the same")
	}
	return first, nil
}

// readLine reads up to the end of the line, within reason.
func readLine(from *bufio.Reader) (string, error) {
	var line []byte
	for len(line) <= 4*longestPassword {
		c, err := from.ReadByte()
		if errors.Is(err, io.EOF) || err == nil && c == '\n' {
			break
		}
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		line = append(line, c)
	}
	return strings.TrimSuffix(string(line), "\r"), nil
}
