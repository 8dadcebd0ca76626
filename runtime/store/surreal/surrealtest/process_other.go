//go:build !linux

package surrealtest

import "syscall"

func endsWithUs() *syscall.SysProcAttr { return nil }
