# versitygw sends the keys of a list as they are, where Amazon encodes them if asked, and rclone asks Amazon.
[ -n "${LIGHTERMAN_ENDPOINT:-}" ] || export RCLONE_S3_LIST_URL_ENCODE=false
# The slash at the end spares a look at an object of that name, which the key may not read.
there="LIGHTERMAN:$LIGHTERMAN_BUCKET/$LIGHTERMAN_PREFIX/"
make_files files
rclone copy files "$there" --s3-upload-cutoff 5M
rclone check files "$there" --download
rm -r files
rclone copy "$there" restored
same_files restored
echo gone | rclone rcat "${there}gone"
rclone deletefile "${there}gone"
