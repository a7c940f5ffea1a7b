package customers

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math"
)

// A page token is a page in bytes, as base64url: a version, the digests of the list and of the last
// rows, the numbers as varints, and a checksum. It has no key, so that every replica reads the tokens
// of the others and an operator has no secret to distribute. A caller can therefore make one up: that
// gets another page of a list that the caller may read, or an error.

// tokenVersion is the first byte of a token. Another format gets another one, and tokens of the old
// format are then invalid.
const tokenVersion = 1

func (p page) token() string {
	raw := []byte{tokenVersion}
	raw = binary.BigEndian.AppendUint64(raw, p.query)
	raw = binary.BigEndian.AppendUint64(raw, p.rows)
	for _, n := range []int{p.number, p.size, int(p.lastID), p.returned, p.largest, p.empty} {
		raw = binary.AppendUvarint(raw, uint64(n))
	}
	raw = binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// resumeVersion is the first byte of a resume token, which has the same form: the digest of the list,
// the last id, the number of rows up to it, and a checksum.
const resumeVersion = 0x81

// resumeToken returns the token to continue after a customer with: so many rows of the list come before
// it, or are it.
func resumeToken(list digest, lastID int64, rows int) string {
	raw := []byte{resumeVersion}
	raw = binary.BigEndian.AppendUint64(raw, list)
	raw = binary.AppendUvarint(raw, uint64(lastID))
	raw = binary.AppendUvarint(raw, uint64(rows))
	raw = binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parseResumeToken reads a token; ok is false for any text that resumeToken does not write.
func parseResumeToken(token string) (list digest, lastID int64, rows int, ok bool) {
	const start, checksum = 1 + 8, 4
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < start+checksum || raw[0] != resumeVersion {
		return 0, 0, 0, false
	}
	list = binary.BigEndian.Uint64(raw[1:])
	var numbers [2]uint64
	rest := raw[start : len(raw)-checksum]
	for i := range numbers {
		n, length := binary.Uvarint(rest)
		if length <= 0 {
			return 0, 0, 0, false
		}
		numbers[i], rest = n, rest[length:]
	}
	if numbers[0] == 0 || numbers[0] > math.MaxInt64 || numbers[1] > math.MaxInt32 {
		return 0, 0, 0, false
	}
	lastID, rows = int64(numbers[0]), int(numbers[1])
	return list, lastID, rows, resumeToken(list, lastID, rows) == token
}

// parseToken reads a token; ok is false for any text that [page.token] does not write.
func parseToken(token string) (p page, ok bool) {
	const digests, checksum = 1 + 8 + 8, 4
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < digests+checksum || raw[0] != tokenVersion {
		return page{}, false
	}
	p.query, p.rows = binary.BigEndian.Uint64(raw[1:]), binary.BigEndian.Uint64(raw[9:])
	var numbers [6]int
	rest := raw[digests : len(raw)-checksum]
	for i := range numbers {
		n, length := binary.Uvarint(rest)
		if length <= 0 || n > math.MaxInt64 {
			return page{}, false
		}
		numbers[i], rest = int(n), rest[length:]
	}
	p.number, p.size, p.lastID = numbers[0], numbers[1], int64(numbers[2])
	p.returned, p.largest, p.empty = numbers[3], numbers[4], numbers[5]
	isPossible := 2 <= p.number && p.number <= math.MaxInt32 && 1 <= p.size && p.size <= maxPageSize && p.lastID >= 0 &&
		p.returned <= math.MaxInt32 && p.largest <= math.MaxInt32 && p.empty <= maxEmptyPages
	if !isPossible || p.token() != token {
		return page{}, false
	}
	return p, true
}
