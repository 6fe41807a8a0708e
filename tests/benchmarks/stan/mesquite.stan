data {
  int<lower=1> N;
  vector[N] weight;
  vector[N] diam1;
  vector[N] diam2;
  vector[N] canopy_height;
  vector[N] total_height;
  vector[N] density;
  vector[N] group;
}
transformed data {
  vector[N] log_weight = log(weight);
  matrix[N, 7] x;
  x[ : , 1] = rep_vector(1, N);
  x[ : , 2] = log(diam1);
  x[ : , 3] = log(diam2);
  x[ : , 4] = log(canopy_height);
  x[ : , 5] = log(total_height);
  x[ : , 6] = log(density);
  x[ : , 7] = group;
}
parameters {
  vector[7] beta;
  real<lower=0> sigma;
}
model {
  log_weight ~ normal_id_glm(x, 0, beta, sigma);
}
