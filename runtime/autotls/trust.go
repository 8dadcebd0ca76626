package autotls

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/smallstep/truststore"
)

// Root is the certificate of our own authority in a vault. It is made where there
// is none that may certify these names.
func Root(ctx context.Context, vault Vault, domains []string, log *slog.Logger) (*x509.Certificate, error) {
	root, _, err := (&authority{vault: vault, log: log, domains: domains}).load(ctx)
	return root, err
}

// RootFile is where the root is in the folder of a Disk.
func RootFile(folder string) string { return filepath.Join(folder, filepath.FromSlash(rootCertKey)) }

// Trust has this machine believe a root, or no longer: its own store, and that of
// Firefox and Chromium where certutil is there. It may ask for a password, for
// these stores are everybody's on it. It gives the stores that were changed.
func Trust(root *x509.Certificate, uninstall bool) (stores []string, err error) {
	do := truststore.Install
	if uninstall {
		do = truststore.Uninstall
	}
	// A browser's own store first: it may fail, and the machine's still be changed.
	var errs []error
	if nss, err := truststore.NewNSSTrust(); err == nil && nss.PreCheck() == nil {
		if err := do(root, truststore.WithTrust(nss), truststore.WithNoSystem()); err != nil {
			errs = append(errs, fmt.Errorf("the browsers' store: %w", err))
		} else {
			stores = append(stores, "browsers")
		}
	}
	if err := do(root); err != nil {
		errs = append(errs, fmt.Errorf("this machine's store: %w", err))
	} else {
		stores = append(stores, "machine")
	}
	return stores, errors.Join(errs...)
}
