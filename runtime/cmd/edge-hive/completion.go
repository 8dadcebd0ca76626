package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints a script that completes commands, flags and paths.
func (c *completionCommand) Run(call *call) error {
	words := completionWords(call.app)
	switch c.Shell {
	case "bash":
		return writeBash(call.out, words)
	case "zsh":
		return writeZsh(call.out, words)
	}
	return writeFish(call.out, words)
}

// completion is what can be completed after one command.
type completion struct {
	command, help string
	flags         []completionFlag
	values        []string // of its argument; paths when empty
}

type completionFlag struct {
	long  string
	short string // "" for none
	help  string
	value bool // whether it takes one
}

func completionWords(app *kong.Node) []completion {
	words := make([]completion, 0, len(app.Children))
	for _, node := range app.Children {
		word := completion{command: node.Name, help: node.Help, flags: completionFlags(node)}
		for _, inner := range node.Children { // of a group: their names, and the flags of all
			word.values = append(word.values, inner.Name)
			for _, f := range completionFlags(inner) {
				if !slices.ContainsFunc(word.flags, func(had completionFlag) bool { return had.long == f.long }) {
					word.flags = append(word.flags, f)
				}
			}
		}
		word.flags = append(word.flags, completionFlag{long: "help", short: "h", help: "Say how it is used."})
		for _, positional := range node.Positional {
			word.values = append(word.values, positional.EnumSlice()...)
		}
		words = append(words, word)
	}
	return words
}

func completionFlags(node *kong.Node) []completionFlag {
	var flags []completionFlag
	for _, flag := range node.Flags {
		f := completionFlag{long: flag.Name, help: flag.Help, value: !flag.IsBool()}
		if flag.Short != 0 {
			f.short = string(flag.Short)
		}
		flags = append(flags, f)
	}
	return flags
}

func writeBash(w io.Writer, words []completion) error {
	names := make([]string, 0, len(words))
	var cases strings.Builder
	for _, word := range words {
		names = append(names, word.command)
		var flags []string
		for _, f := range word.flags {
			flags = append(flags, "--"+f.long)
		}
		fmt.Fprintf(&cases, "    %s) flags=%q; values=%q ;;\n", word.command, strings.Join(flags, " "), strings.Join(word.values, " "))
	}
	_, err := fmt.Fprintf(w, `# bash completion of edge-hive
_edge_hive() {
  local current="${COMP_WORDS[COMP_CWORD]}" flags="" values=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W %q -- "$current"))
    return
  fi
  case "${COMP_WORDS[1]}" in
%s  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$current")) ;;
    *) if [ -n "$values" ]; then COMPREPLY=($(compgen -W "$values" -- "$current")); else COMPREPLY=($(compgen -f -- "$current")); fi ;;
  esac
}
complete -o filenames -F _edge_hive edge-hive
`, strings.Join(names, " "), cases.String())
	return err
}

func writeZsh(w io.Writer, words []completion) error {
	var names, cases strings.Builder
	for _, word := range words {
		fmt.Fprintf(&names, "    %s\n", zshQuote(word.command+":"+word.help))
		fmt.Fprintf(&cases, "    %s) _arguments", word.command)
		for _, f := range word.flags {
			help := "[" + strings.NewReplacer("[", "(", "]", ")").Replace(f.help) + "]"
			if f.value {
				help += ":value:_files"
			}
			fmt.Fprintf(&cases, " %s", zshQuote("*--"+f.long+help))
		}
		argument := "*:path:_files"
		if len(word.values) > 0 {
			argument = "1:value:(" + strings.Join(word.values, " ") + ")"
		}
		fmt.Fprintf(&cases, " %s ;;\n", zshQuote(argument))
	}
	_, err := fmt.Fprintf(w, `#compdef edge-hive
# zsh completion of edge-hive
_edge_hive() {
  local -a commands
  commands=(
%s  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
%s  esac
}
if [ "$funcstack[1]" = _edge_hive ]; then _edge_hive "$@"; else compdef _edge_hive edge-hive; fi
`, names.String(), cases.String())
	return err
}

func zshQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func writeFish(w io.Writer, words []completion) error {
	var b strings.Builder
	b.WriteString("# fish completion of edge-hive\n")
	for _, word := range words {
		fmt.Fprintf(&b, "complete -c edge-hive -n __fish_use_subcommand -f -a %s -d %s\n", word.command, fishQuote(word.help))
		for _, f := range word.flags {
			fmt.Fprintf(&b, "complete -c edge-hive -n '__fish_seen_subcommand_from %s' -l %s -d %s", word.command, f.long, fishQuote(f.help))
			if f.short != "" {
				b.WriteString(" -s " + f.short)
			}
			if f.value {
				b.WriteString(" -r")
			}
			b.WriteByte('\n')
		}
		if len(word.values) > 0 {
			fmt.Fprintf(&b, "complete -c edge-hive -n '__fish_seen_subcommand_from %s' -f -a %s\n", word.command, fishQuote(strings.Join(word.values, " ")))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
