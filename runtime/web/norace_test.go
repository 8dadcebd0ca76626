//go:build !race

package web_test

// shadow is by what the race detector multiplies memory: there is none.
const shadow = 1
