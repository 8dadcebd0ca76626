package install

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// account makes the service's user and group, unless they are there.
func (p *Plan) account() ([]step, error) {
	_, _, err := p.ids()
	there := err == nil
	if err != nil && !errors.Is(err, errNoUser) {
		return nil, err
	}
	p.record.User = p.o.User
	// One that an install has made is removed with all else, another's never.
	p.record.Made = !there || p.before.Made && p.before.User == p.o.User
	declaration := fmt.Sprintf("# Made by edge-hive install.\nu %s - \"Edge Hive\" %s\n", p.o.User, p.o.Dir)
	return []step{{what: "user and group " + p.o.User + ", who can do nothing else", done: there, do: func(ctx context.Context) error {
		path := p.at(accountFile)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // G301: the system's folder, for all to read
			return err
		}
		if err := writeFile(path, declaration, 0o644); err != nil {
			return err
		}
		args := []string{path} // as it is outside of the image
		if p.o.Root != "" {
			args = []string{"--root=" + p.o.Root, path}
		}
		if err := command(ctx, "systemd-sysusers", args...); err != nil {
			return err
		}
		_, _, err := p.ids()
		return err
	}}}, nil
}

var errNoUser = errors.New("there is no such user")

// ids are the numbers of the service's user and of the group of the same name, or
// else of the user's own.
func (p *Plan) ids() (uid, gid int, err error) {
	fields, err := entry(p.at("/etc/passwd"), p.o.User)
	if err != nil {
		return 0, 0, err
	}
	if len(fields) < 4 {
		return 0, 0, fmt.Errorf("/etc/passwd: the line of %s is cut short", p.o.User)
	}
	uid, uidErr := strconv.Atoi(fields[2])
	gid, gidErr := strconv.Atoi(fields[3])
	return uid, gid, errors.Join(uidErr, gidErr)
}

// group is the name of the service's group.
func (p *Plan) group() string {
	_, gid, err := p.ids()
	if err != nil {
		return p.o.User // it is made with the user
	}
	f, err := os.Open(p.at("/etc/group"))
	if err != nil {
		return strconv.Itoa(gid)
	}
	defer func() { _ = f.Close() }() // it was read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Split(lines.Text(), ":"); len(fields) > 2 && fields[2] == strconv.Itoa(gid) {
			return fields[0]
		}
	}
	return strconv.Itoa(gid)
}

// entry is the line of a name in a file as /etc/passwd is one.
func entry(path, name string) ([]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoUser
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was read
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Split(lines.Text(), ":"); fields[0] == name {
			return fields, nil
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return nil, errNoUser
}

// owner gives a folder to the service, or to root for the service to read.
func (p *Plan) owner(path string, owned bool) step {
	what := path + " is root's, for " + p.o.User + " to read"
	if owned {
		what = path + " is " + p.o.User + "'s"
	}
	at := p.at(path)
	uid, gid, err := p.ids()
	if !owned {
		uid = 0
	}
	done := err == nil && isOwned(at, uid, gid)
	return step{what: what, done: done || !mayGive(), do: func(context.Context) error {
		uid, gid, err := p.ids()
		if err != nil {
			return err
		}
		if !owned {
			return give(at, 0, gid)
		}
		// What a backend has left there that another user ran is this one's now.
		return filepath.WalkDir(at, func(below string, entry fs.DirEntry, err error) error {
			if err != nil || entry.Type()&fs.ModeSymlink != 0 {
				return err
			}
			return give(below, uid, gid)
		})
	}}
}

// mayGive tells whether files can be given away. For an image that is made by
// anybody else they stay his.
func mayGive() bool { return os.Geteuid() == 0 }

// give makes a file somebody's.
func give(path string, uid, gid int) error {
	if !mayGive() || uid < 0 && gid < 0 {
		return nil
	}
	return os.Lchown(path, uid, gid)
}
