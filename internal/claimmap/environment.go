// SPDX-License-Identifier: Apache-2.0

package claimmap

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// environment returns what expressions may use: the standard library of CEL, and three functions. Each yields no more than it
// was given, so that the cost of an evaluation bounds its memory.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	env, err := cel.NewEnv(
		cel.Variable("owner.subject", cel.StringType),
		cel.Variable("owner.name", cel.StringType),
		cel.Variable("owner.displayName", cel.StringType),
		cel.Variable("owner.email", cel.StringType),
		cel.Variable("owner.groups", cel.ListType(cel.StringType)),
		cel.ParserRecursionLimit(64),
		cel.Function("lowerAscii", cel.MemberOverload("string_lower_ascii", []*cel.Type{cel.StringType}, cel.StringType,
			cel.UnaryBinding(lowerASCII))),
		cel.Function("split", cel.MemberOverload("string_split_string", []*cel.Type{cel.StringType, cel.StringType}, cel.ListType(cel.StringType),
			cel.BinaryBinding(split))),
		cel.Function("numericID", cel.Overload("numeric_id_string", []*cel.Type{cel.StringType}, cel.IntType,
			cel.UnaryBinding(numericID))),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare expressions: %w", err)
	}
	return env, nil
})

// NumericID returns a number for a text, from 1 to 2^53 - 1, which JavaScript reads without loss: 53 bits of its SHA-256. It is
// always the same for the same text. That two of 10,000 people get the same number has a chance of 1 in 180 million.
func NumericID(text string) int64 {
	sum := sha256.Sum256([]byte(text))
	return max(1, int64(binary.BigEndian.Uint64(sum[:8])>>11))
}

// numericID refuses an empty text: all people without it would have one number.
func numericID(v ref.Val) ref.Val {
	if v.(types.String) == "" {
		return types.NewErr("numericID needs a text")
	}
	return types.Int(NumericID(string(v.(types.String))))
}

// lowerASCII changes A to Z and nothing else.
func lowerASCII(v ref.Val) ref.Val {
	return types.String(strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, string(v.(types.String))))
}

// split cuts a text at each separator. An empty separator is refused: it would make an item of each character.
func split(text, separator ref.Val) ref.Val {
	if separator.(types.String) == "" {
		return types.NewErr("split needs a separator")
	}
	return types.DefaultTypeAdapter.NativeToValue(strings.Split(string(text.(types.String)), string(separator.(types.String))))
}
