//go:build race

package web_test

// shadow is by what the race detector multiplies memory.
const shadow = 8
