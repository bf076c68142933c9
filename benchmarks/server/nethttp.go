// Go's net/http with a map: the same question, the same answer size. Usage: nethttp PORT TOKENS.json
package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"runtime"
	"strings"
)

func main() {
	runtime.GOMAXPROCS(1)
	raw, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	answers := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &answers); err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/ocpi/2.2.1/sender/tokens/", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		uid := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/ocpi/2.2.1/sender/tokens/"), "/authorize")
		answer, known := answers[uid]
		if !known {
			w.WriteHeader(404)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
