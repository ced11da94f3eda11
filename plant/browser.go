package plant

import (
	"encoding/binary"
	"fmt"
)

// loginData writes the database in which Chrome keeps logins, with a table of
// some rows: an SQLite file of three pages that sqlite3 opens and finds whole.
// The passwords have the form of encrypted ones and are random bytes. Of
// Chrome's tables it has the two that password thieves read, with the columns
// they ask for. Source: https://www.sqlite.org/fileformat2.html.
func (f *forger) loginData() []byte {
	const page = 4096
	tables := []struct{ name, sql string }{
		{"meta", "CREATE TABLE meta(key LONGVARCHAR NOT NULL, value LONGVARCHAR)"},
		{"logins", "CREATE TABLE logins (origin_url VARCHAR NOT NULL, action_url VARCHAR, username_value VARCHAR, " +
			"password_value BLOB, date_created INTEGER NOT NULL, times_used INTEGER NOT NULL)"},
	}
	var schema [][]any
	for i, t := range tables {
		schema = append(schema, []any{"table", t.name, t.name, int64(i + 2), t.sql})
	}
	changes := uint32(20 + f.rand.IntN(400))
	file := make([]byte, 3*page)
	leaf(file[:page], 100, schema)
	leaf(file[page:2*page], 0, [][]any{{"version", fmt.Sprint(38 + f.rand.IntN(5))}, {"last_compatible_version", "38"}})
	leaf(file[2*page:], 0, f.logins())

	copy(file, "SQLite format 3\x00")
	head := file[16:100]
	binary.BigEndian.PutUint16(head, page)
	copy(head[2:], []byte{1, 1, 0, 64, 32, 32}) // journal, journal, no reserve, fractions
	for at, n := range map[int]uint32{24: changes, 28: 3, 40: 2, 44: 4, 56: 1, 92: changes, 96: 3045000} {
		binary.BigEndian.PutUint32(file[at:], n)
	}
	return file
}

func (f *forger) logins() (rows [][]any) {
	sites := []string{"mail", "intranet", "bank", "vpn", "git", "crm", "shop", "wiki", "hr"}
	f.rand.Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
	for _, site := range sites[:4+f.rand.IntN(4)] {
		url := "https://" + site + ".example." + f.pick([]string{"com", "net", "org"})
		const since1601 = 11644473600
		created := (f.age.Unix() - f.rand.Int64N(300*86400) + since1601) * 1e6
		rows = append(rows, []any{
			url + "/", url + "/login", f.pick(firstNames) + "." + f.pick(lastNames),
			append([]byte("v10"), f.bytes(28+f.rand.IntN(12))...), created + f.rand.Int64N(1e6), int64(1 + f.rand.IntN(90)),
		})
	}
	return rows
}

// leaf writes a page that is all of a table: its cells from the end on, and
// where they are from the start on.
func leaf(page []byte, at int, rows [][]any) {
	end := len(page)
	for i, row := range rows {
		record := record(row)
		cell := append(varint(varint(nil, uint64(len(record))), uint64(i+1)), record...)
		end -= copy(page[end-len(cell):end], cell)
		binary.BigEndian.PutUint16(page[at+8+2*i:], uint16(end))
	}
	page[at] = 13 // a leaf of a table
	binary.BigEndian.PutUint16(page[at+3:], uint16(len(rows)))
	binary.BigEndian.PutUint16(page[at+5:], uint16(end))
}

// record is the values of a row: their types, then their bytes.
func record(row []any) []byte {
	var types, body []byte
	for _, v := range row {
		switch v := v.(type) {
		case int64:
			types, body = varint(types, 6), binary.BigEndian.AppendUint64(body, uint64(v))
		case string:
			types, body = varint(types, uint64(13+2*len(v))), append(body, v...)
		case []byte:
			types, body = varint(types, uint64(12+2*len(v))), append(body, v...)
		}
	}
	return append(append(varint(nil, uint64(len(types)+1)), types...), body...)
}

// varint is SQLite's: seven bits a byte, the highest first. Nothing here takes
// more than two.
func varint(b []byte, n uint64) []byte {
	if n > 0x7f {
		b = append(b, byte(n>>7)|0x80)
	}
	return append(b, byte(n&0x7f))
}
