package main

import "testing"

func TestParse(t *testing.T) {
	bucket, key, err := parse("s3://pg/payments/base.tar")
	if err != nil || bucket != "pg" || key != "payments/base.tar" {
		t.Errorf("bucket %q, key %q, error %v", bucket, key, err)
	}
	for _, bad := range []string{"pg/key", "s3://pg", "s3://pg/", "https://pg/key"} {
		if _, _, err := parse(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
