# The slash at the end spares a look at an object of that name, which the key may not read.
there="LIGHTERMAN/$LIGHTERMAN_BUCKET/$LIGHTERMAN_PREFIX/"
make_files files
mc --quiet mirror files "$there"
rm -r files
mc --quiet mirror "$there" restored
same_files restored
echo gone | mc --quiet pipe "${there}gone"
mc --quiet rm "${there}gone"
