package profile

import (
	"strings"
	"testing"
)

func TestUnlisted(t *testing.T) {
	for _, test := range []struct{ value, missing string }{
		{"", "169.254.169.254 metadata.google.internal [fd00:ec2::23]"},
		{"*", ""},
		{"localhost, *", ""},
		{"169.254.169.254,metadata.google.internal,fd00:ec2::23", ""},
		{" 169.254.169.254 , METADATA.google.INTERNAL , [fd00:ec2:0::23] ", ""},
		{"169.254.169.254:80", "169.254.169.254 metadata.google.internal [fd00:ec2::23]"},
		{"169.254.0.0/16,fd00:ec2::/32", "169.254.169.254 metadata.google.internal [fd00:ec2::23]"},
		{"169.254.*", "169.254.169.254 metadata.google.internal [fd00:ec2::23]"},
		{"169.254.169.25", "169.254.169.254 metadata.google.internal [fd00:ec2::23]"},
		{"google.internal", "169.254.169.254 [fd00:ec2::23]"},
		{".internal", "169.254.169.254 [fd00:ec2::23]"},
		{"*.google.internal", "169.254.169.254 [fd00:ec2::23]"},
		{"gle.internal,.", "169.254.169.254 metadata.google.internal [fd00:ec2::23]"},
	} {
		got := strings.Join(Unlisted(test.value, []string{"169.254.169.254", "metadata.google.internal", "[fd00:ec2::23]"}), " ")
		if got != test.missing {
			t.Errorf("%q lacks %q, want %q", test.value, got, test.missing)
		}
	}
}
