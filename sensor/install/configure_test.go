package install

import (
	"testing"

	"picket.internal/sensor/send/launch"
)

func TestLaunchIsAllThatChangesInAConfiguration(t *testing.T) {
	for before, want := range map[string]string{
		`{}`:                                     "{\n  \"launch\": \"socket\"}",
		`{ "state_dir" : "/x" }`:                 "{\n  \"launch\": \"socket\", \"state_dir\" : \"/x\" }",
		`{"a": {"launch": 1}, "launch":"sudo"}`:  `{"a": {"launch": 1}, "launch":"socket"}`,
		"{\"launch\" :  \"none\",\n \"b\": 2}\n": "{\"launch\" :  \"socket\",\n \"b\": 2}\n",
		``:                                       "",
		`[]`:                                     "",
		`{"a": 1`:                                "",
		`{"a": 1, "b"}`:                          "",
		"{\"launch\": tr":                        "",
	} {
		got, err := withLaunch([]byte(before), launch.Socket)
		if string(got) != want || (err != nil) != (want == "") {
			t.Errorf("%q became %q (%v), want %q", before, got, err, want)
		}
	}
}
