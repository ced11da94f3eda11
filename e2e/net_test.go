package e2e_test

import (
	"net"
	"testing"
)

// freeAddress is a loopback address that was free a moment ago. It lies below
// the ephemeral range's usual traffic only by luck, so a test that finds it
// taken fails at the hub's start and says so.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
