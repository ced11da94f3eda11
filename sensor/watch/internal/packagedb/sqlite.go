//go:build linux

package packagedb

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// The kinds of pages of a table. Source: sqlite.org/fileformat2.html, section 1.6.
const (
	tableInterior = 5
	tableLeaf     = 13
)

// maxDepth is how deep a tree may be: SQLite's own bound.
const maxDepth = 20

// table is one walk through the tables of an SQLite database.
type table struct {
	*file
	pageSize int
	usable   int              // bytes of a page that hold content
	logged   map[uint32]int64 // pages that are newer in the log, by their place there
	row      []byte
}

// readSQLite calls each with every blob of the table Packages, which is made
// as (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL).
func readSQLite(f *file, each func(blob []byte)) error {
	t, err := openTable(f)
	if err != nil {
		return err
	}
	root := uint32(0)
	err = t.walk(1, maxDepth, func(row []byte) {
		r := record{row: row}
		if r.begin() && string(r.next()) == "table" && r.next() != nil && string(r.next()) == "Packages" {
			root = uint32(number(r.next()))
		}
	})
	if err != nil {
		return err
	}
	if root == 0 {
		return fmt.Errorf("%w: no table Packages", errMalformed)
	}
	return t.walk(root, maxDepth, func(row []byte) {
		r := record{row: row}
		if !r.begin() {
			t.bad++
			return
		}
		r.next() // the key, which is kept elsewhere
		each(r.next())
	})
}

func openTable(f *file) (*table, error) {
	t := &table{file: f}
	head := make([]byte, 100)
	if f.size > 0 { // the very first changes may be in the log alone
		if err := f.read(head, 0); err != nil {
			return nil, err
		}
	}
	if err := t.readLog(); err != nil {
		return nil, err
	}
	if at, ok := t.logged[1]; ok {
		if err := f.log.read(head, at); err != nil {
			return nil, err
		}
	}
	if !bytes.HasPrefix(head, []byte("SQLite format 3\x00")) {
		return nil, fmt.Errorf("%w: not SQLite", errMalformed)
	}
	size := int(binary.BigEndian.Uint16(head[16:]))
	if size == 1 {
		size = 1 << 16
	}
	t.usable = size - int(head[20])
	if size < 512 || size&(size-1) != 0 || t.usable < 480 || t.pageSize != 0 && t.pageSize != size {
		return nil, fmt.Errorf("%w: pages of %d bytes", errMalformed, size)
	}
	t.pageSize = size
	return t, nil
}

// page fills buf with a page, from the log where it is newer there.
func (t *table) page(n uint32, buf []byte) error {
	if at, ok := t.logged[n]; ok {
		return t.log.read(buf, at)
	}
	if n == 0 {
		return fmt.Errorf("%w: page 0", errMalformed)
	}
	return t.read(buf, int64(n-1)*int64(t.pageSize))
}

// walk calls each with every row below a page of a table.
func (t *table) walk(n uint32, depth int, each func(row []byte)) error {
	buf := make([]byte, t.pageSize)
	if err := t.page(n, buf); err != nil {
		return err
	}
	head := 0
	if n == 1 {
		head = 100 // the header of the file
	}
	kind, cells, first := buf[head], int(binary.BigEndian.Uint16(buf[head+3:])), head+8
	switch {
	case kind == tableInterior && depth > 0:
		first += 4
	case kind != tableLeaf:
		return fmt.Errorf("%w: page %d is none of a table", errMalformed, n)
	}
	if first+2*cells > len(buf) {
		return fmt.Errorf("%w: %d cells in a page", errMalformed, cells)
	}
	for i := range cells {
		at := int(binary.BigEndian.Uint16(buf[first+2*i:]))
		if at+4 > t.usable { // what is reserved behind it holds no cells
			t.bad++
			continue
		}
		if kind == tableLeaf {
			if err := t.cell(buf[at:t.usable], each); err != nil {
				return err
			}
		} else if err := t.walk(binary.BigEndian.Uint32(buf[at:]), depth-1, each); err != nil {
			return err
		}
	}
	if kind == tableInterior {
		return t.walk(binary.BigEndian.Uint32(buf[head+8:]), depth-1, each)
	}
	return nil
}

// cell puts a row together, which may go on in a chain of pages.
func (t *table) cell(cell []byte, each func(row []byte)) error {
	size, n := varint(cell)
	_, k := varint(cell[n:]) // the row's number
	cell = cell[n+k:]
	if n == 0 || k == 0 {
		t.bad++
		return nil
	}
	local := t.local(size)
	if size <= uint64(local) && local <= len(cell) {
		each(cell[:size])
		return nil
	}
	if size > maxBlob || local+4 > len(cell) {
		t.bad++
		return nil
	}
	t.row = append(t.row[:0], cell[:local]...)
	next := binary.BigEndian.Uint32(cell[local:])
	page := make([]byte, t.pageSize)
	for rest := int(size) - local; rest > 0; {
		if err := t.page(next, page); err != nil {
			return err
		}
		part := page[4:t.usable]
		part = part[:min(rest, len(part))]
		t.row = append(t.row, part...)
		rest -= len(part)
		next = binary.BigEndian.Uint32(page)
	}
	each(t.row)
	return nil
}

// local is how much of a row of that size is in the page itself. Source:
// fileformat2, section 1.6, "Cell payload overflow pages".
func (t *table) local(size uint64) int {
	most := t.usable - 35
	if size <= uint64(most) {
		return int(size)
	}
	least := (t.usable-12)*32/255 - 23
	if k := least + int((size-uint64(least))%uint64(t.usable-4)); k <= most {
		return k
	}
	return least
}

// record takes a row apart. Source: fileformat2, section 2.1.
type record struct{ row, types, values []byte }

func (r *record) begin() bool {
	size, n := varint(r.row)
	if n == 0 || size < uint64(n) || size > uint64(len(r.row)) {
		return false
	}
	r.types, r.values = r.row[n:size], r.row[size:]
	return true
}

// next is the bytes of the next value; nil where there is none, or no more.
func (r *record) next() []byte {
	kind, n := varint(r.types)
	r.types = r.types[n:]
	size := uint64(0)
	switch {
	case n == 0 || kind == 0 || kind >= 8 && kind < 12:
		return nil
	case kind <= 4:
		size = kind
	case kind == 5:
		size = 6
	case kind <= 7:
		size = 8
	default:
		size = (kind - 12) / 2
	}
	if size > uint64(len(r.values)) {
		r.types = nil
		return nil
	}
	v := r.values[:size:size]
	r.values = r.values[size:]
	return v
}

// number is an integer of up to eight bytes.
func number(b []byte) (n uint64) {
	for _, c := range b[:min(len(b), 8)] {
		n = n<<8 | uint64(c)
	}
	return n
}

// varint is a number in SQLite's coding and its length, 0 where it is cut off:
// seven bits a byte with the highest first, all eight of a ninth.
func varint(b []byte) (v uint64, n int) {
	for i, c := range b[:min(len(b), 9)] {
		if i == 8 {
			return v<<8 | uint64(c), 9
		}
		v = v<<7 | uint64(c&0x7f)
		if c < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
