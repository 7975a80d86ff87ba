# It is built with aws-sdk-go v1, which does not read AWS_ENDPOINT_URL_S3.
s5() { s5cmd ${LIGHTERMAN_ENDPOINT:+--endpoint-url "$LIGHTERMAN_ENDPOINT"} "$@"; }
there="s3://$LIGHTERMAN_BUCKET/$LIGHTERMAN_PREFIX"
make_files files
s5 cp --part-size 6 files/ "$there/"
rm -r files
s5 cp "$there/*" restored/
same_files restored
echo gone | s5 pipe "$there/gone"
s5 rm "$there/gone"
