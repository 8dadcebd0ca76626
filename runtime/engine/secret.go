package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Keys gives the keys of a manifest's backend: from the secret that it names,
// else from our own, which is made in the data folder when it is asked for the
// first time.
func Keys(m *manifest.Manifest) (*auth.Keys, error) {
	value, err := secretOf(m)
	if err != nil {
		return nil, err
	}
	keys, err := auth.NewKeys(value, nil)
	if err != nil {
		return nil, placeSecret(m, err)
	}
	return keys, nil
}

func secretOf(m *manifest.Manifest) (manifest.SecretValue, error) {
	if m.Auth.Secret == nil {
		value, err := auth.LoadOrCreateSecret(m.DataDir())
		return value, placeFolder(m, err)
	}
	value, err := m.Auth.Secret.Read()
	if err != nil {
		return manifest.SecretValue{}, placeSecret(m, err)
	}
	return value, nil
}

// openSecretFile names the secret's file when every user may read it. That is
// no fault: containers mount their secrets so, in folders of their own.
func openSecretFile(m *manifest.Manifest) string {
	if runtime.GOOS == "windows" || m.Auth.Secret == nil || m.Auth.Secret.File == "" {
		return ""
	}
	info, err := os.Stat(m.Auth.Secret.File)
	if err != nil || info.Mode().Perm()&0o004 == 0 {
		return ""
	}
	return m.Auth.Secret.File
}

// placeFolder says that the data folder is of no use, where that is what an
// error means.
func placeFolder(m *manifest.Manifest, err error) error {
	var failed *fs.PathError
	if !errors.As(err, &failed) {
		return err
	}
	return fault.Newf(codeDataFolder, "the data folder %s cannot be used: %v", m.DataDir(), failed.Err).
		WithHint("let this user write to it, or name another with database: "+dataField(m)).
		WithCause(err).At("database."+dataField(m), m.Positions.At("database."+dataField(m)))
}

// dataField is the field of the database that says where the data folder is.
func dataField(m *manifest.Manifest) string {
	if m.Database.Engine == manifest.SQLite {
		return "path"
	}
	return "data"
}

// placeSecret gives what is wrong with a secret its place in the manifest.
func placeSecret(m *manifest.Manifest, err error) error {
	f := fault.From(err)
	if f.Code == fault.CodeInternal {
		f = fault.New("no-secret", fmt.Sprintf("the secret cannot be read: %v", err)).
			WithHint("set it, or leave auth.secret out: then one is made in the data folder")
	}
	if m.Auth.Secret == nil {
		return f
	}
	return f.At(m.Auth.Secret.Path, m.Positions.At(m.Auth.Secret.Path))
}

// KeyTexts are the keys as clients send them.
type KeyTexts struct {
	Anon        string `json:"anon"`         // a JWT
	ServiceRole string `json:"service_role"` // a JWT
	Publishable string `json:"publishable"`
	Secret      string `json:"secret"`
}

// Texts gives the keys as clients send them.
func Texts(k *auth.Keys) KeyTexts {
	return KeyTexts{Anon: k.AnonJWT(), ServiceRole: k.ServiceJWT(), Publishable: k.Publishable(), Secret: k.Secret()}
}
