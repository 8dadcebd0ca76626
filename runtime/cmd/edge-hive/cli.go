package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"
)

// commands is the command line.
type commands struct {
	Init      initCommand      `cmd:"" help:"Make a new project: a manifest that runs as it is."`
	Dev       devCommand       `cmd:"" help:"Serve on this machine, reload and build on save, and print what to try."`
	Serve     serveCommand     `cmd:"" help:"Serve the manifest."`
	Validate  validateCommand  `cmd:"" help:"Check the manifest, offline, and say everything that is wrong."`
	Test      testCommand      `cmd:"" help:"Run the tests of the access rules, offline, and list rules without one."`
	Fmt       fmtCommand       `cmd:"" help:"Format the manifest's files."`
	Explain   explainCommand   `cmd:"" help:"Say which conditions let a caller do something, and which refuse."`
	Plan      planCommand      `cmd:"" help:"Say what the manifest would change, and how much it can hurt."`
	Apply     applyCommand     `cmd:"" help:"Carry out what plan says: in the running server, or in the database when none runs."`
	History   historyCommand   `cmd:"" help:"List the migrations of the database: when, who, what."`
	Rollback  rollbackCommand  `cmd:"" help:"Bring the database back to the tables of an earlier migration, where nothing is lost."`
	Reload    reloadCommand    `cmd:"" help:"Make the running server read its manifest again."`
	Upgrade   upgradeCommand   `cmd:"" help:"Put a new edge-hive in the place of the running one; no request fails."`
	Status    statusCommand    `cmd:"" help:"Say how the running server is."`
	Health    healthCommand    `cmd:"" help:"Ask the running server whether it is ready, as containers do."`
	Install   installCommand   `cmd:"" help:"Make the backend a service of this server (Linux with systemd), or bring the service up to date."`
	Uninstall uninstallCommand `cmd:"" help:"Take the service away; the data stays unless --purge is said."`
	Backup    backupCommand    `cmd:"" help:"Write a backup, while serving or not."`
	Restore   restoreCommand   `cmd:"" help:"Put a backup in the place of the database, or prove it."`
	Export    exportCommand    `cmd:"" help:"Write rows as NDJSON or CSV, while serving or not."`
	Import    importCommand    `cmd:"" help:"Insert rows of NDJSON, JSON or CSV, or take an export back."`
	Keys      keysCommand      `cmd:"" help:"Print the keys of the backend."`
	Token     tokenCommand     `cmd:"" help:"Print a token that acts as a user."`
	Hash      hashCommand      `cmd:"" help:"Print the hash of a password, for basic of middleware."`
	Trust     trustCommand     `cmd:"" help:"Have this machine believe the backend's own authority."`
	Routes    routesCommand    `cmd:"" help:"List the routes in the order in which they win, and what stands before each."`
	Schema    schemaCommand    `cmd:"" help:"Explain what a manifest may say."`
	Types     typesCommand     `cmd:"" help:"Print the rows' types for clients: TypeScript, Go, OpenAPI."`
	Function  functionCommand  `cmd:"" help:"Begin, build, run and list functions."`

	Version    versionCommand    `cmd:"" help:"Print the version."`
	Completion completionCommand `cmd:"" help:"Print a completion script for a shell."`
}

// manifestArgs are the flags of every command that reads a manifest.
type manifestArgs struct {
	Path string   `arg:"" optional:"" default:"." name:"manifest" help:"The manifest: a file, or a folder with edgehive.cue."`
	Tags []string `short:"t" name:"tag" sep:"none" placeholder:"TAG" help:"Set a tag of the manifest: -t prod, -t env=prod."`
}

func newParser(t *terminal, exit func(int)) (*kong.Kong, error) {
	return kong.New(&commands{},
		kong.Name("edge-hive"),
		kong.Description("One manifest in, a running backend out."),
		kong.Writers(t.out, t.err),
		kong.Exit(exit),
		kong.Help(printHelp),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
	)
}

// examples are printed below a command's help.
var examples = map[string][]string{
	"init":      {"edge-hive init shop"},
	"dev":       {"edge-hive dev", "edge-hive dev shop -t env=dev"},
	"serve":     {"edge-hive serve -t prod", "edge-hive serve --watch shop/edgehive.cue"},
	"validate":  {"edge-hive validate", "edge-hive validate --json -t prod", "edge-hive validate --policy team.cue"},
	"test":      {"edge-hive test", "edge-hive test --run 'order' -t prod"},
	"fmt":       {"edge-hive fmt", "edge-hive fmt --check", "edge-hive fmt -d"},
	"explain":   {"edge-hive explain orders --as ann@example.com --row 7", `edge-hive explain orders --as ann@example.com --set '{"book":1}'`, "edge-hive explain books --query 'title=eq.Emma&order=year'"},
	"plan":      {"edge-hive plan -t prod", "edge-hive plan --rehearse", "edge-hive plan --json | jq '.changes[] | select(.grade != \"safe\")'"},
	"apply":     {"edge-hive apply -t prod", "edge-hive apply --yes --json"},
	"history":   {"edge-hive history", "edge-hive history --json | jq '.[-1].steps'"},
	"rollback":  {"edge-hive rollback", "edge-hive rollback 3 shop -t prod"},
	"reload":    {"edge-hive reload"},
	"upgrade":   {"edge-hive upgrade", "edge-hive upgrade --binary ./edge-hive-1.4"},
	"status":    {"edge-hive status", "edge-hive status --json"},
	"health":    {"edge-hive health", "edge-hive health --data /srv/edge-hive/data"},
	"install":   {"edge-hive install --dry-run", "edge-hive install -t prod", "edge-hive install shop --dir /srv/shop --user shop"},
	"uninstall": {"edge-hive uninstall", "edge-hive uninstall --purge --yes"},
	"backup":    {"edge-hive backup shop.backup", "edge-hive backup --force /backups/shop.backup shop -t prod", "edge-hive backup - | zstd > shop.backup.zst"},
	"restore":   {"edge-hive restore --check shop.backup", "edge-hive restore shop.backup"},
	"export":    {"edge-hive export -o shop.export", "edge-hive export books --format csv > books.csv", "edge-hive export books orders -o part -m shop -t prod"},
	"import":    {"edge-hive import books books.csv --merge", "zcat books.ndjson.gz | edge-hive import books - --format ndjson --chunk 10000", "edge-hive import shop.export"},
	"keys":      {"edge-hive keys", `curl -H "apikey: $(edge-hive keys --only secret)" http://127.0.0.1:8080/api/data/users`},
	"token":     {"edge-hive token --user ann@example.com", `curl -H "Authorization: Bearer $(edge-hive token --user ann@example.com)" http://127.0.0.1:8080/api/data/users`},
	"types":     {"edge-hive types ts > database.types.ts", "edge-hive types go --package shop > shop/types.go", "edge-hive types openapi -t prod > openapi.json"},
	"hash":      {"edge-hive hash", "ANN_HASH=$(edge-hive hash < password.txt)"},
	"routes":    {"edge-hive routes", "edge-hive routes --json shop -t prod | jq '.routes[].path'"},
	"schema":    {"edge-hive schema", "edge-hive schema column", "edge-hive schema --cue ."},

	"function":       {"edge-hive function new price --lang rust", "edge-hive function build", "edge-hive function run price --data @order.json"},
	"function new":   {"edge-hive function new price --lang rust", "edge-hive function new hello --lang js -m shop"},
	"function build": {"edge-hive function build", "edge-hive function build price -m shop"},
	"function run":   {"edge-hive function run price --data '{\"id\":7}'", "edge-hive function run price --method GET --path '/7?currency=EUR' --caller ann@example.com", "edge-hive function run onPaid --event change --data @change.json --database"},
	"function list":  {"edge-hive function list", "edge-hive function list --json -m shop"},

	"function dead":    {"edge-hive function dead onPaid", "edge-hive function dead onPaid --json | jq '.[].error'", "edge-hive function dead onPaid 0hofhqyrh92000000000000a00000"},
	"function retry":   {"edge-hive function retry onPaid --all", "edge-hive function retry onPaid 0hofhqyrh92000000000000a00000"},
	"function discard": {"edge-hive function discard onPaid --all", "edge-hive function discard onPaid 0hofhqyrh92000000000000a00000"},

	"completion": {"source <(edge-hive completion bash)", "edge-hive completion zsh > ~/.zfunc/_edge-hive", "edge-hive completion fish > ~/.config/fish/completions/edge-hive.fish"},
}

// printHelp is short: for the whole, the commands a line each; for a command,
// its flags and examples.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	w := ctx.Stdout
	node := ctx.Selected()
	if node == nil {
		return printOverview(w, ctx.Model.Node)
	}
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	lines := examples[commandName(node)]
	if len(lines) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nExamples:\n  %s\n", strings.Join(lines, "\n  "))
	return err
}

// commandName is a command's name with that of the group that it is in.
func commandName(node *kong.Node) string {
	if node.Parent != nil && node.Parent.Type == kong.CommandNode {
		return node.Parent.Name + " " + node.Name
	}
	return node.Name
}

func printOverview(w io.Writer, app *kong.Node) error {
	if _, err := fmt.Fprintf(w, "%s\n\nUsage: edge-hive COMMAND\n\n", app.Help); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, command := range app.Children {
		row(table, "  "+command.Name, command.Help)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, `
To begin:
  edge-hive init shop && edge-hive dev shop

edge-hive COMMAND --help says more. Exit codes: 0 done, 1 the manifest has
faults or what was asked is refused, 2 wrong usage or it cannot be done. Of
plan: 0 nothing would change, 2 something would, 1 whatever went wrong.
`)
	return err
}

// row writes a line of a table; its Flush tells whether that failed.
func row(table *tabwriter.Writer, cells ...string) {
	_, _ = fmt.Fprintln(table, strings.Join(cells, "\t"))
}
