package main

import "os"

func signalNamed(string) os.Signal { return os.Kill }
