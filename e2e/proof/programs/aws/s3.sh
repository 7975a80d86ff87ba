# This version is older than AWS_ENDPOINT_URL_S3.
s3() { aws ${LIGHTERMAN_ENDPOINT:+--endpoint-url "$LIGHTERMAN_ENDPOINT"} s3 "$@"; }
backup="s3://$LIGHTERMAN_BUCKET/$LIGHTERMAN_PREFIX/files"
make_files files
s3 sync --no-progress files "$backup"
rm -r files
s3 sync --no-progress "$backup" restored
same_files restored
