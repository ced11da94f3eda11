package httpwire

import (
	"net/http"

	"picket.internal/wire"
)

// WriteProblem answers a request with an error.
func WriteProblem(w http.ResponseWriter, status int, p wire.Problem) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(p.Encode())
}
