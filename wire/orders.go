package wire

import (
	"errors"
	"time"

	"picket.internal/strictjson"
)

// Where a sensor asks for Emergency Action Tokens, gives their receipts and the
// evidence that they gathered, and anybody learns whom the hub asks hosts to believe.
const (
	PathOrders   = "/v1/orders"   // POST an Orders, get one eat.Delivery, or 204 after OrdersWait without one
	PathReceipts = "/v1/receipts" // POST signed receipts, one a line, get a ReceiptsReply
	PathEvidence = "/v1/evidence" // POST one eat.Chunk; 204 once it is stored
	PathTrust    = "/v1/trust"    // GET the eat.TrustStore of the hub
)

// Media types beside ContentType.
const (
	TypeOrders   = "application/json"
	TypeReceipts = "application/x-ndjson"
)

// OrdersWait is how long the hub holds a question for orders. The sensor asks
// again at once after each answer.
const OrdersWait = 25 * time.Second

// Bounds of what a sensor posts to PathReceipts.
const (
	MaxReceipts      = 64
	MaxReceiptsBytes = 256 << 10
)

// Orders is a sensor's question for orders. It is not signed: the connection is
// the host's, and what it says decides only which token is made, never whether
// it is believed.
type Orders struct {
	// V is the version, 1; Encode fills it in.
	V int `json:"v"`
	// Host is the host's id.
	Host string `json:"host"`
	// Boot is the boot id, from /proc/sys/kernel/random/boot_id.
	Boot string `json:"boot"`
	// Seen is the size of the hub's log that the wrapper last saw; 0 where it saw none.
	Seen int64 `json:"seen"`
}

func (o *Orders) check() error {
	c := checks{kind: ErrOrders}
	c.version(o.V)
	c.host(o.Host)
	c.that(validBoot(o.Boot), "malformed boot %.80q", o.Boot)
	c.that(o.Seen >= 0, "seen: %d", o.Seen)
	return c.err
}

// validBoot is a UUID in lower case.
func validBoot(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !isHex(s[i:i+1], 1) {
			return false
		}
	}
	return true
}

// Encode writes the question. o is not changed.
func (o *Orders) Encode() ([]byte, error) {
	out := *o
	out.V = version
	if err := out.check(); err != nil {
		return nil, err
	}
	return strictjson.Encode(&out)
}

// MaxOrders is the length of the largest question in bytes.
const MaxOrders = 1 << 10

// ParseOrders reads a question, strictly.
func ParseOrders(data []byte) (*Orders, error) {
	o := new(Orders)
	if err := strictjson.Decode(data, strictjson.Limits{Bytes: MaxOrders, IntegersOnly: true}, o, nil); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	return o, nil
}

// ReceiptsReply is the hub's answer to receipts.
type ReceiptsReply struct {
	// V is the version, 1; Encode fills it in.
	V int `json:"v"`
	// Seq is the number of the newest receipt of the wrapper that is stored.
	Seq uint64 `json:"seq,string"`
}

// Encode writes the answer.
func (r ReceiptsReply) Encode() ([]byte, error) {
	r.V = version
	return strictjson.Encode(&r)
}

// ParseReceiptsReply reads an answer. What a newer hub adds is passed over.
func ParseReceiptsReply(data []byte) (ReceiptsReply, error) {
	var r ReceiptsReply
	if err := strictjson.Decode(data, strictjson.Limits{Bytes: MaxOrders}, &r, func(string) {}); err != nil {
		return ReceiptsReply{}, err
	}
	if r.V != version {
		return ReceiptsReply{}, errors.New("an answer to receipts of another version")
	}
	return r, nil
}
