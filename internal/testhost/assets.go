package testhost

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// asset is what the assets front answers on a path: a file, or a redirect to the path
// under which the file is served.
type asset struct {
	File     string `json:"file,omitempty"`
	Type     string `json:"type,omitempty"`
	ETag     string `json:"etag,omitempty"`
	Location string `json:"location,omitempty"`
}

// assetTypes are set here because mime's table depends on the system.
var assetTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".mjs": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon",
	".json": "application/json", ".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json",
}

// manifest lists the assets in dir by the path that serves them, with Cloudflare's
// default of auto-trailing-slash: a page is served without index.html and .html, and
// its file's own path redirects there.
func manifest(dir string) (map[string]asset, error) {
	assets := map[string]asset{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file := "/" + filepath.ToSlash(rel)
		sum := sha256.Sum256(content)
		a := asset{File: file, Type: assetType(file), ETag: `"` + hex.EncodeToString(sum[:16]) + `"`}
		at := file
		if folder, ok := strings.CutSuffix(file, "/index.html"); ok {
			at = folder + "/"
		} else if page, ok := strings.CutSuffix(file, ".html"); ok {
			at = page
		}
		assets[at] = a
		if at != file {
			assets[file] = asset{Location: at}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("testhost: assets: %w", err)
	}
	return assets, nil
}

func assetType(file string) string {
	ext := strings.ToLower(path.Ext(file))
	if t, ok := assetTypes[ext]; ok {
		return t
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	return "application/octet-stream"
}
