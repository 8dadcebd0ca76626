package install

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// plainPath are paths that a unit and a shell take as they are.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._+-]+)+$`)

// plainName are names that every tool takes for a user.
var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,30}$`)

// unseen are folders that the unit hides from the service, or that are emptied.
var unseen = []string{"/home", "/root", "/run/user", "/tmp", "/var/tmp", "/dev", "/proc", "/sys", "/run"}

// taken are folders that are the system's.
var taken = []string{"/", "/bin", "/boot", "/etc", "/lib", "/opt", "/sbin", "/srv", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin", "/var", "/var/lib"}

// places judges where everything is to be.
func (p *Plan) places() Problems {
	var problems Problems
	if runtime.GOOS != "linux" {
		return Problems{{"install is for Linux with systemd", "elsewhere let your system's own supervisor run `edge-hive serve`, or a container: deploy/Dockerfile"}}
	}
	if !plainName.MatchString(p.o.User) || p.o.User == "root" {
		problems = append(problems, Problem{fmt.Sprintf("%q cannot be the service's user", p.o.User), "name one of small letters, digits, - and _, and not root"})
	}
	for _, named := range []struct{ flag, path string }{{"--dir", p.o.Dir}, {"--binary", p.o.Binary}} {
		switch {
		case !plainPath.MatchString(named.path) || filepath.Clean(named.path) != named.path:
			problems = append(problems, Problem{fmt.Sprintf("%s %q cannot be used", named.flag, named.path), "name an absolute path of letters, digits, . _ + and -"})
		case slices.Contains(taken, named.path):
			problems = append(problems, Problem{named.flag + " " + named.path + " is the system's", "name a folder of the backend's own, as " + DefaultDir})
		case isBelow(named.path, unseen...):
			problems = append(problems, Problem{named.flag + " " + named.path + " is hidden from services", "name another place, as " + DefaultDir + " or " + DefaultBinary})
		}
	}
	if len(problems) == 0 {
		p.data = p.dataDir()
		if !plainPath.MatchString(p.data) {
			problems = append(problems, Problem{fmt.Sprintf("the data folder %q cannot be used", p.data), "let its path be of letters, digits, . _ + and -"})
		} else if slices.Contains(taken, p.data) || isBelow(p.data, unseen...) {
			problems = append(problems, Problem{"the data folder " + p.data + " is the system's, or hidden from services", "put it into the backend's own folder: " + p.dataField() + ` "data/..."`})
		}
	}
	return problems
}

// dataDir is the data folder where the manifest will be: below its folder it goes
// along.
func (p *Plan) dataDir() string {
	data := p.o.Manifest.DataDir()
	relative, err := filepath.Rel(p.o.Manifest.Dir, data)
	if err != nil || relative == ".." || strings.HasPrefix(relative, "../") {
		return data
	}
	return filepath.Join(p.o.Dir, relative)
}

func (p *Plan) dataField() string {
	if p.o.Manifest.Database.Engine == manifest.SQLite {
		return "database: path:"
	}
	return "database: data:"
}

// isBelow reports whether a path is one of the folders, or in one.
func isBelow(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
	})
}

// machine judges whether this one can run services.
func (p *Plan) machine(context.Context) Problems {
	var problems Problems
	if p.o.Root == "" {
		if os.Geteuid() != 0 {
			problems = append(problems, Problem{"only root can install a service", "run it with sudo"})
		}
		if info, err := os.Stat("/run/systemd/system"); err != nil || !info.IsDir() {
			problems = append(problems, Problem{"this machine is not run by systemd", "let its own supervisor run `edge-hive serve`, or a container: deploy/Dockerfile"})
		}
	}
	for _, program := range []string{"systemctl", "systemd-sysusers"} {
		if _, err := exec.LookPath(program); err != nil {
			problems = append(problems, Problem{"there is no " + program + " here", "install needs systemd; elsewhere let the machine's own supervisor run `edge-hive serve`"})
		}
	}
	return problems
}

// observe asks whether the service runs already, and who else runs on its data.
func (p *Plan) observe(ctx context.Context, problems *Problems) error {
	if !p.o.live() {
		return nil
	}
	p.runs = p.systemctl(ctx, "is-active", "--quiet", unitName) == nil
	_, _, err := p.o.Backend(p.at(p.data)).Running(ctx)
	if err == nil && !p.runs {
		*problems = append(*problems, Problem{"a backend that is no service runs on " + p.data, "stop that one first"})
	}
	if err != nil && !errors.Is(err, ErrNotRunning) && !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil
}

// ports tries every address that the backend will listen on, but for those that
// its service has already.
func (p *Plan) ports(ctx context.Context) Problems {
	if !p.o.live() || p.o.Idle {
		return nil
	}
	held, _ := heldFor(ctx) // none, and they are tried
	if p.runs {
		its, _, _ := p.o.Backend(p.at(p.data)).Running(ctx)
		held = append(held, its...)
	}
	var problems Problems
	for _, a := range addresses(p.o.Manifest) {
		if slices.ContainsFunc(held, func(h string) bool { return samePort(h, a.address) }) {
			continue
		}
		if err := tryListen(ctx, a); err != nil {
			hint := "stop what listens there (ss -ltnup says what), or choose another in " + a.field
			if !errors.Is(err, syscall.EADDRINUSE) {
				hint = "choose another in " + a.field
			}
			problems = append(problems, Problem{fmt.Sprintf("cannot listen on %s: %v", a.address, errors.Unwrap(err)), hint})
		}
	}
	return problems
}

// address is one that a manifest listens on.
type address struct{ network, address, field string }

func addresses(m *manifest.Manifest) []address {
	var list []address
	for _, a := range []address{
		{"tcp", m.Server.HTTP, "server.listen.http"},
		{"tcp", m.Server.HTTPS, "server.listen.https"},
		{"udp", m.Server.HTTP3, "server.listen.http3"},
		{"tcp", m.Observe.MetricsListen, "observe.metrics.listen"},
	} {
		if a.address != "" {
			list = append(list, a)
		}
	}
	return list
}

func tryListen(ctx context.Context, a address) error {
	var config net.ListenConfig
	if a.network == "udp" {
		c, err := config.ListenPacket(ctx, a.network, a.address)
		if err != nil {
			return err
		}
		return c.Close()
	}
	l, err := config.Listen(ctx, a.network, a.address)
	if err != nil {
		return err
	}
	return l.Close()
}

func samePort(a, b string) bool {
	_, first, err := net.SplitHostPort(a)
	if err != nil {
		return false
	}
	_, second, err := net.SplitHostPort(b)
	return err == nil && first == second
}
