package ingest

// Unpack is unpack, for tests.
func Unpack(body []byte, encoding string, most int64) ([]byte, error) {
	return unpack(body, encoding, most)
}
