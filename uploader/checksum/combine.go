package checksum

import (
	"encoding/base64"

	"lighterman.dev/lighterman/uploader/objstore"
)

// Combine returns the checksum of an object whose parts follow each other. It returns zero where the parts do not determine it:
// the algorithm is no CRC, there is no part, or parts have no checksum or different ones.
func Combine(parts []objstore.Part) objstore.Sum {
	if len(parts) == 0 {
		return objstore.Sum{}
	}
	a := parts[0].Sum.Algorithm
	row := algorithms[a]
	if row.polynomial == 0 {
		return objstore.Sum{}
	}
	var whole uint64
	for _, part := range parts {
		value, err := base64.StdEncoding.DecodeString(part.Sum.Value)
		if err != nil || part.Sum.Algorithm != a || len(value)*8 != row.bits {
			return objstore.Sum{}
		}
		whole = row.multiplyModulo(row.powerOfX(part.Size), whole) ^ fromBytes(value)
	}
	return objstore.Sum{Algorithm: a, Value: base64.StdEncoding.EncodeToString(toBytes(whole, row.bits/8))}
}

// A CRC is the rest of a division of polynomials over the integers modulo 2: appending n bytes multiplies it by x to the power
// of 8n. Mark Adler describes this for zlib's crc32_combine.

// powerOfX returns x to the power of 8n, modulo the CRC's polynomial.
func (a *algorithm) powerOfX(n int64) uint64 {
	result, power := uint64(1)<<(a.bits-1), uint64(1)<<(a.bits-9) // x^0, and x^8 for one byte
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			result = a.multiplyModulo(result, power)
		}
		power = a.multiplyModulo(power, power)
	}
	return result
}

// multiplyModulo multiplies two polynomials modulo the CRC's.
func (a *algorithm) multiplyModulo(p, q uint64) uint64 {
	var product uint64
	for bit := uint64(1) << (a.bits - 1); bit != 0; bit >>= 1 {
		if p&bit != 0 {
			product ^= q
		}
		if q&1 == 1 {
			q = q>>1 ^ a.polynomial
		} else {
			q >>= 1
		}
	}
	return product
}

func fromBytes(b []byte) uint64 {
	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

func toBytes(v uint64, n int) []byte {
	b := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		b[i], v = byte(v), v>>8
	}
	return b
}
