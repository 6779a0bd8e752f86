package testhost

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// bundleDir is where the program's bundle is kept.
func bundleDir(root string, p Program) string {
	return filepath.Join(root, "build", "bundle", p.String())
}

// buildBundle has wrangler make the bundle that it would deploy. That takes seconds, so
// the bundle is kept together with a fingerprint of what it was made from.
func buildBundle(root string, p Program) error {
	if err := buildWasm(root, p); err != nil {
		return err
	}
	return once("bundle "+p.String(), root, func() error {
		dir := bundleDir(root, p)
		stamp := dir + ".stamp"
		want, err := fingerprint(root, p)
		if err != nil {
			return err
		}
		if got, err := os.ReadFile(stamp); err == nil && string(got) == want {
			return nil
		}
		if err := errors.Join(os.RemoveAll(stamp), os.RemoveAll(dir)); err != nil {
			return fmt.Errorf("testhost: %w", err)
		}
		err = runTool(root, bin(root, "node"), filepath.Join(root, "node_modules", "wrangler", "bin", "wrangler.js"),
			"deploy", "--dry-run", "--config", p.config(root), "--outdir", dir)
		if err != nil {
			return err
		}
		return os.WriteFile(stamp, []byte(want), 0o644)
	})
}

// fingerprint hashes all that can be in a bundle, or decide what is.
func fingerprint(root string, p Program) (string, error) {
	hash := sha256.New()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || path == filepath.Dir(bundleDir(root, p))) {
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(path) {
		case ".wasm", ".js", ".mjs", ".toml", ".json":
			return hashFile(hash, path)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("testhost: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func hashFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "%s %d\n", path, info.Size()); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// bin is a command of the npm packages.
func bin(root, name string) string { return filepath.Join(root, "node_modules", ".bin", name) }

// workerdBinary is workerd itself. The package's command is a script for the system's
// Node; the program that it starts would survive it when it is killed.
func workerdBinary(root string) (string, error) {
	matches, err := filepath.Glob(filepath.Join(root, "node_modules", "@cloudflare", "workerd-*", "bin", "workerd*"))
	if err != nil {
		return "", err
	}
	if len(matches) != 1 {
		return "", fmt.Errorf("testhost: %d packages of workerd for this system are installed, want one", len(matches))
	}
	return matches[0], nil
}
