package localrunner

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
)

// assets are the static files that are served before the program is asked, as the platform does
// (https://developers.cloudflare.com/workers/static-assets/): GET and HEAD of a file's path, and of a folder's that has
// an index.html. nil serves nothing.
type assets struct{ root *os.Root }

func newAssets(dir string) (*assets, error) {
	if dir == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &assets{root}, nil
}

func (a *assets) close() error {
	if a == nil {
		return nil
	}
	return a.root.Close()
}

// serve answers the request if it is for an asset.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) bool {
	if a == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/")
	if name == "" || strings.HasSuffix(name, "/") {
		name += index
	}
	if !ok || !fs.ValidPath(name) { // which a hub's name may well make it
		return false
	}
	file, err := a.root.Open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		return false
	}
	if dir, ok := strings.CutSuffix(r.URL.Path, "/"+index); ok {
		http.Redirect(w, r, dir+"/", http.StatusTemporaryRedirect)
		return true
	}
	// What was edited must be seen at the next load; the answer is then mostly a 304. Last-Modified alone, in seconds,
	// would miss the second of two quick edits.
	w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
	w.Header().Set("Cache-Control", "public, max-age=0, must-revalidate")
	http.ServeContent(w, r, name, info.ModTime(), file)
	return true
}

const index = "index.html"
