package cybercenter

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// servePath is where a server has the files of its release.
const servePath = "/limpet-db/v1/"

// Handler serves a release folder: its files (with ranges, so that pulls can go
// on where they broke off) and, as "status", what is in the database.
func Handler(folder string, status Status) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+servePath+"status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(status)
	})
	mux.HandleFunc("GET "+servePath+"{file}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("file")
		middle, isDelta := strings.CutPrefix(name, deltaPrefix)
		middle, zst := strings.CutSuffix(middle, deltaSuffix)
		if name != signatureFile && name != databaseFile && !(isDelta && zst && validHex(middle)) {
			http.NotFound(w, r)
			return
		}
		f, err := os.Open(filepath.Join(folder, name))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			http.Error(w, "cannot read it", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", st.ModTime(), f)
	})
	return mux
}
