package strictjson_test

import (
	"testing"

	"picket.internal/fact"
	"picket.internal/strictjson"
)

// processFact is a process start as a sensor sends it.
const processFact = `{"host":{"id":"h_abcdefghijklmnopqrstuvwxya"},"id":"01K3Z9V6W4Q2N8T1XEJ5B7RMCD","kind":"process","process":{"action":"start","ancestors":["/usr/bin/bash","/usr/sbin/sshd","/usr/lib/systemd/systemd"],"args":["curl","-fsSL","https://example.org/install.sh"],"command_line":"curl -fsSL https://example.org/install.sh","entity_id":"0123456789abcdef","executable":"/usr/bin/curl","executable_kind":"file","hash":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"hash_status":"ok","name":"curl","parent":{"entity_id":"fedcba9876543210","executable":"/usr/bin/bash","name":"bash","pid":4210},"pid":4211,"start":"2026-05-06T07:08:09.12Z","start_ticks":"918273645","working_directory":"/home/alice"},"seq":42,"time":"2026-05-06T07:08:09.123456789Z","user":{"group_id":"1000","group_name":"alice","id":"1000","name":"alice"}}`

func BenchmarkDecodeFact(b *testing.B) {
	b.SetBytes(int64(len(processFact)))
	b.ReportAllocs()
	for b.Loop() {
		var f fact.Fact
		if err := strictjson.Decode([]byte(processFact), strictjson.Limits{}, &f, func(string) {}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckFact(b *testing.B) {
	data := []byte(processFact)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := strictjson.Check(data, strictjson.Limits{Canonical: true}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeFact(b *testing.B) {
	var f fact.Fact
	if err := strictjson.Decode([]byte(processFact), strictjson.Limits{}, &f, nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := strictjson.Encode(&f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCanonicalFact(b *testing.B) {
	data := []byte(processFact)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := strictjson.Canonical(data); err != nil {
			b.Fatal(err)
		}
	}
}
