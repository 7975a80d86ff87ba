package secrets

import (
	"fmt"
	"maps"
	"slices"
	"unicode"
	"unicode/utf8"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
)

// shape is what a secret must be so that a request can carry it.
type shape uint8

const (
	// anyText has no control characters: the secret is a key that signs, and is not sent.
	anyText shape = iota
	// word has visible characters of ASCII alone: the secret is sent in a header or a URL.
	word
	// wrapped may have line breaks besides: decoders of base64 leave them out.
	wrapped
)

// shapes have the shape of each secret, by its variable or its name in a file.
var shapes = map[string]shape{
	"AWS_ACCESS_KEY_ID":     word,
	"AWS_SECRET_ACCESS_KEY": anyText,
	"AWS_SESSION_TOKEN":     word,

	"AZURE_STORAGE_KEY":               wrapped,
	"AZURE_STORAGE_SAS_TOKEN":         word,
	"AZURE_STORAGE_CONNECTION_STRING": word,
	"AZURE_CLIENT_SECRET":             word,

	// The keys of an AWS credentials file.
	"aws_access_key_id":     word,
	"aws_secret_access_key": anyText,
	"aws_session_token":     word,
}

// intruder is a kind of characters, and the shapes that may have it.
type intruder struct {
	is    func(rune) bool
	name  string
	allow []shape
}

// intruders are the characters that a secret must not have. The first match applies.
var intruders = []intruder{
	{func(r rune) bool { return r == utf8.RuneError }, "bytes that are no text", nil},
	{func(r rune) bool { return r == '\n' || r == '\r' }, "a line break", []shape{wrapped}},
	{unicode.IsControl, "a control character", nil},
	{unicode.IsSpace, "a space", []shape{anyText}},
	{func(r rune) bool { return r > unicode.MaxASCII }, "a character that is not of ASCII", []shape{anyText}},
}

// checkShapes returns an error of the first secret that no request can carry. It does not show the secret.
func checkShapes(auth *uploader.Auth, values Values) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := CheckVariable(auth, name, values[name]); err != nil {
			return err
		}
	}
	return nil
}

// CheckShape returns an error of class Misconfigured if no request can carry the secret of a name. It does not show the secret.
func CheckShape(name, value string) error {
	return checkShape(shapes[name], name, value)
}

// CheckVariable is CheckShape for the secret of an auth mode's variable. The error says where it comes from.
func CheckVariable(auth *uploader.Auth, variable, value string) error {
	return checkShape(shapes[variable], auth.DescribeSecret(variable), value)
}

func checkShape(want shape, name, value string) error {
	intruder := findIntruder(want, value)
	if intruder == "" {
		return nil
	}
	return &objstore.Error{
		Class: objstore.Misconfigured, Err: fmt.Errorf("%s has %s in it", name, intruder),
		Cure: "give the Secret's key the value alone: kubectl create secret generic … --from-literal, or a file made with printf",
	}
}

// findIntruder describes the first character that a secret of a shape must not have; empty: there is none.
func findIntruder(want shape, value string) string {
	for _, r := range value {
		at := slices.IndexFunc(intruders, func(i intruder) bool { return i.is(r) })
		if at >= 0 && !slices.Contains(intruders[at].allow, want) {
			return intruders[at].name
		}
	}
	return ""
}
