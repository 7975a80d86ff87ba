# It takes the keys from the environment, and where to find the store from arguments only.
host=${LIGHTERMAN_ENDPOINT#https://}
s3() { s3cmd --host="$host" --host-bucket="$host" --region="$LIGHTERMAN_REGION" --ca-certs="$LIGHTERMAN_CA_FILE" --no-progress "$@"; }
backup="s3://$LIGHTERMAN_BUCKET/$LIGHTERMAN_PREFIX/files"
make_files files
s3 put --recursive --multipart-chunk-size-mb=5 files/ "$backup/"
rm -r files
mkdir restored
s3 get --recursive "$backup/" restored/
same_files restored
