package store

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// codecZstd is zstd with the dictionary of dictionary.json. The number is
// stored with each batch: another dictionary is another codec, and this one
// must stay readable.
const codecZstd = 1

// maxPayload bounds what a payload unpacks to, whatever the database says.
const maxPayload = 8 << 20

// dictionary holds what most batches have in common, so that also a batch of
// three facts packs well. Its bytes are part of the format: never edit the
// file, add another one.
//
//go:embed dictionary.json
var dictionary []byte

// packer packs payloads. Its methods may be called from any goroutine.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPacker() (*packer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderDictRaw(codecZstd, dictionary),
		zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("making a packer: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderDictRaw(codecZstd, dictionary),
		zstd.WithDecoderMaxMemory(maxPayload), zstd.WithDecoderConcurrency(0))
	if err != nil {
		return nil, fmt.Errorf("making an unpacker: %w", err)
	}
	return &packer{enc: enc, dec: dec}, nil
}

func (p *packer) close() error {
	p.dec.Close()
	return p.enc.Close()
}

func (p *packer) pack(payload []byte) []byte {
	return p.enc.EncodeAll(payload, make([]byte, 0, len(payload)/6+256))
}

func (p *packer) unpack(codec int, packed []byte) ([]byte, error) {
	if codec != codecZstd {
		return nil, fmt.Errorf("unpacking a batch: codec %d is of a newer picket-hub", codec)
	}
	payload, err := p.dec.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("unpacking a batch: %w", err)
	}
	return payload, nil
}

// packPlaces writes the places of refused facts; nil where there are none.
func packPlaces(places []int) []byte {
	var b []byte
	for _, p := range places {
		b = binary.AppendUvarint(b, uint64(p))
	}
	return b
}

func unpackPlaces(b []byte) ([]int, error) {
	var places []int
	for len(b) > 0 {
		p, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errors.New("malformed list of refused facts")
		}
		places, b = append(places, int(p)), b[n:]
	}
	return places, nil
}
