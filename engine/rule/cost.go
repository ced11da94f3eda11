package rule

import (
	"math"
	"strings"

	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// How large values are taken to be when a cost is estimated. A fact may hold
// larger ones: then the limit at run time applies.
const (
	sizeString  = 4096 // a path at its longest, a command line
	sizeDigest  = 64
	sizeStrings = 64  // process.args
	sizeItem    = 128 // of a list: 64 arguments have 4,096 bytes together
	sizeObjects = 32
)

const perCharacter = 0.1 // CEL's cost of walking one character

// estimator tells the sizes and costs that cel-go cannot know. What it says at
// load and what it charges at run time follow the same formulas.
type estimator struct {
	lists map[string]*constList
	// programs are the sizes of the compiled patterns by source.
	programs map[string]int
}

func newEstimator(lists map[string]*constList) *estimator {
	return &estimator{lists: lists, programs: map[string]int{}}
}

var (
	_ checker.CostEstimator = (*estimator)(nil)
)

// EstimateSize implements checker.CostEstimator.
func (e *estimator) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	if list, ok := e.lists[listName(node.Expr())]; ok {
		return sizeUpTo(uint64(list.len()))
	}
	t := node.Type()
	if t == nil {
		return nil
	}
	path := node.Path()
	last := ""
	if len(path) > 0 {
		last = path[len(path)-1]
	}
	switch t.Kind() {
	case types.StringKind:
		switch last {
		case "sha256":
			return sizeUpTo(sizeDigest)
		case "@items":
			return sizeUpTo(sizeItem)
		}
		return sizeUpTo(sizeString)
	case types.ListKind:
		if len(t.Parameters()) == 1 && t.Parameters()[0].Kind() == types.StructKind {
			return sizeUpTo(sizeObjects)
		}
		return sizeUpTo(sizeStrings)
	}
	return nil
}

// EstimateCallCost implements checker.CostEstimator.
func (e *estimator) EstimateCallCost(_, overload string, target *checker.AstNode, args []checker.AstNode) *checker.CallEstimate {
	size := func(n checker.AstNode) checker.SizeEstimate {
		if s := n.ComputedSize(); s != nil {
			return *s
		}
		return checker.SizeEstimate{Max: sizeString}
	}
	switch overload {
	case overloads.InList:
		if _, ok := e.lists[listName(args[1].Expr())]; ok {
			return fixed(1)
		}
		return nil
	case overloads.ContainsString:
		return &checker.CallEstimate{CostEstimate: size(*target).Add(size(args[0])).MultiplyByCostFactor(perCharacter)}
	case overloads.MatchesString, "picket_glob":
		program := e.programs[patternOf(args[0].Expr())]
		return &checker.CallEstimate{CostEstimate: size(*target).Add(checker.FixedSizeEstimate(1)).MultiplyByCostFactor(regexFactor(program))}
	}
	f, ok := functionByOverload(overload)
	if !ok {
		return nil
	}
	return e.ownCost(f, size(*target), args)
}

// ownCost is the cost of a function of ours: so many walks over the text it is
// called on. Results are as large as that text at most, which keeps chains of
// calls from being taken for unbounded.
func (e *estimator) ownCost(f function, target checker.SizeEstimate, args []checker.AstNode) *checker.CallEstimate {
	walked := target
	if f.target.Kind() == types.ListKind {
		walked = target.Multiply(checker.FixedSizeEstimate(sizeString / sizeStrings))
	}
	est := &checker.CallEstimate{CostEstimate: walked.MultiplyByCostFactor(perCharacter * float64(f.traversals)).Add(checker.FixedCostEstimate(1 + f.fixed))}
	switch f.result.Kind() {
	case types.StringKind:
		est.ResultSize = &checker.SizeEstimate{Max: walked.Max}
	case types.ListKind:
		est.ResultSize = &checker.SizeEstimate{Min: 1, Max: min(maxSplit, walked.Max+1)}
	}
	return est
}

// CallCost implements interpreter.ActualCostEstimator.
func (e *estimator) CallCost(_, overload string, args []ref.Val, result ref.Val) *uint64 {
	var cost uint64
	switch overload {
	case inConstList:
		cost = 1
	case seenOverload: // noting what is seen is not the rule's doing
	case overloads.ContainsString:
		cost = walk(bytesOf(args[0])+bytesOf(args[1]), perCharacter)
	case overloads.MatchesString, "picket_glob":
		pattern, _ := args[1].(types.String)
		cost = walk(bytesOf(args[0])+1, regexFactor(e.programs[string(pattern)]))
	case "picket_list_contains_fold": // elements of another length are passed over
		cost = 1 + walk(bytesOf(args[0])*(1+bytesOf(args[1])), perCharacter)
	default:
		f, ok := functionByOverload(overload)
		if !ok {
			return nil
		}
		cost = 1 + f.fixed + walk(bytesOf(args[0])+bytesOf(result), perCharacter*float64(f.traversals))
	}
	return &cost
}

// regexFactor is the cost of one character for a pattern of n instructions.
// Measured at its worst: 7 ns an instruction and character.
func regexFactor(n int) float64 { return perCharacter * math.Max(1, float64(n)/4) }

func walk(n int, factor float64) uint64 { return uint64(math.Ceil(float64(n) * factor)) }

// bytesOf is the size that costs go by, the same at load and at run time.
func bytesOf(v ref.Val) int {
	switch x := v.(type) {
	case types.String:
		return len(x)
	case traits.Lister:
		n, _ := x.Size().(types.Int)
		return int(n)
	}
	return 1
}

func sizeUpTo(n uint64) *checker.SizeEstimate { return &checker.SizeEstimate{Max: n} }

func fixed(n uint64) *checker.CallEstimate {
	return &checker.CallEstimate{CostEstimate: checker.FixedCostEstimate(n)}
}

// listName is the name of the list that e reads, "" where it reads none.
// Checking turns the selection lists.NAME into one identifier.
func listName(e ast.Expr) string {
	if e.Kind() != ast.IdentKind {
		return ""
	}
	name, ok := strings.CutPrefix(e.AsIdent(), listPrefix)
	if !ok {
		return ""
	}
	return name
}

func patternOf(e ast.Expr) string {
	if e.Kind() != ast.LiteralKind {
		return ""
	}
	s, _ := e.AsLiteral().(types.String)
	return string(s)
}
